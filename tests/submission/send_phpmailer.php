<?php
// What applications.rs wants of every client, by PHPMailer (WordPress sends with it): a line for each message.
require 'libphp-phpmailer/autoload.php';
use PHPMailer\PHPMailer\PHPMailer;

[, $port, $ca] = $argv;
$all = implode(array_map('chr', range(0, 255)));
$messages = [
    ['', 'b@b.test', 'plain', 'Hello', null],
    ['', 'b@b.test', 'file', 'see there', $all],
    ['Jürgen Müller', 'b@b.test', 'Grüße 😀', 'Grüße 😀', null],
    ['', 'x@elsewhere.test', 'forbidden', 'Hello', null],
];
foreach ($messages as [$name, $to, $subject, $text, $file]) {
    $mail = new PHPMailer(true);
    $mail->isSMTP();
    [$mail->Host, $mail->Port, $mail->CharSet] = ['127.0.0.1', (int) $port, PHPMailer::CHARSET_UTF8];
    [$mail->SMTPAuth, $mail->Username, $mail->Password] = [true, 'user', 'secret'];
    if ($ca !== '') {
        $mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS;
        $mail->SMTPOptions = ['ssl' => ['cafile' => $ca]];
    }
    $mail->setFrom('a@a.test', $name);
    $mail->addAddress($to);
    [$mail->Subject, $mail->Body] = [$subject, $text];
    if ($file !== null) {
        $mail->addStringAttachment($file, 'rechnung.pdf');
    }
    try {
        $mail->send();
        echo "sent\n";
    } catch (Exception $error) {
        echo 'refused ', preg_replace('/\s+/', ' ', $error->getMessage()), "\n";
    }
}
