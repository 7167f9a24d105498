// What applications.rs wants of every client, by nodemailer: a line for each message.
const nodemailer = require("nodemailer");
const fs = require("fs");
const [, , port, ca] = process.argv;
const transport = nodemailer.createTransport({
  host: "127.0.0.1", port: Number(port), secure: Boolean(ca), auth: { user: "user", pass: "secret" },
  tls: ca ? { ca: fs.readFileSync(ca) } : undefined,
});
const from = "a@a.test";
const to = "b@b.test";
const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
const messages = [
  { from, to, subject: "plain", text: "Hello" },
  { from, to, subject: "file", text: "see there", attachments: [{ filename: "rechnung.pdf", content: all }] },
  { from: { name: "Jürgen Müller", address: from }, to, subject: "Grüße 😀", text: "Grüße 😀" },
  { from, to: "x@elsewhere.test", subject: "forbidden", text: "Hello" },
];
(async () => {
  for (const message of messages) {
    const said = await transport.sendMail(message).then(() => "sent", (error) => `refused ${error.message}`);
    console.log(said.replace(/\s+/g, " "));
  }
})();
