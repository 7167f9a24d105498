// What sdks.rs wants of every SDK, by Resend's for Node: a line of JSON for each call.
const { Resend } = require("resend");
const [, , baseUrl, key] = process.argv;
const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
const from = "f@example.test";
const to = "a@example.test";
const image = Buffer.from("89504e47", "hex");
const calls = [
  { from, to, subject: "plain", text: "Hello" },
  { from, to: [to], subject: "html", text: "Hello", html: "<p>Hello</p>" },
  { from, to, subject: "file", text: "t", attachments: [{ filename: "rechnung.pdf", content: all }] },
  {
    from, to, subject: "inline", html: '<img src="cid:logo">',
    attachments: [{ filename: "logo.png", content: image.toString("base64"), contentId: "logo" }],
  },
  {
    from: "Jürgen Müller <f@example.test>", to: [to, "Bö <b@example.test>"], cc: "c@example.test", bcc: ["d@example.test"],
    replyTo: "r@example.test", subject: "Grüße 😀", text: "Grüße 😀", headers: { "X-Campaign": "spring" },
    tags: [{ name: "category", value: "test" }],
  },
  { from, to: [to, "no address"], subject: "s", text: "t" },
  { from, to: "x@elsewhere.test", subject: "s", text: "t" },
  { from, to, subject: "s", text: "t", scheduledAt: "in 1 min" },
];
(async () => {
  const resend = new Resend(key);
  for (const call of calls) {
    const { data, error } = await resend.emails.send(call);
    console.log(JSON.stringify(error ? { error } : data));
  }
})();
