// What Postmark's SDK for Node makes of recipients that are suppressed: the message, and the addresses in its error where all are.
const { ServerClient } = require("postmark");

const [, , base, key] = process.argv;
const client = new ServerClient(key, { useHttps: false, requestHost: base.replace("http://", "") });
const mail = (to) => client.sendEmail({ From: "f@example.test", To: to, Subject: "s", TextBody: "t" });

(async () => {
  console.log(JSON.stringify((await mail("a@example.test, gone@example.test")).Message));
  await mail("gone@example.test").catch((error) => console.log(JSON.stringify(error.recipients ?? error.name)));
})();
