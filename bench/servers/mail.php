<?php
// What a contact form does: mail() with the words of the request. The sendmail program is sendmail_path of php-fpm's pool.
$body = file_get_contents('php://input');
$header = ['From' => $_SERVER['HTTP_FROM'], 'Content-Type' => $_SERVER['CONTENT_TYPE']];
http_response_code(mail($_SERVER['HTTP_TO'], $_SERVER['HTTP_SUBJECT'], $body, $header) ? 202 : 502);
header('Content-Type: text/plain');
echo "accepted\n";
