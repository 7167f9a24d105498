// What sdks.rs wants of every SDK, by SendGrid's for Node: a line of JSON for each call.
const sendgrid = require("@sendgrid/mail");
const [, , base, key] = process.argv;
const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString("base64");
const from = "f@example.test";
const to = "a@example.test";
const attached = { content: all, filename: "rechnung.pdf", type: "application/pdf", disposition: "attachment" };
const shown = { content: "iVBORw==", filename: "logo.png", type: "image/png", disposition: "inline", contentId: "logo" };
const calls = [
  { from, to, subject: "plain", text: "Hello" },
  { from, to: [to], subject: "html", text: "Hello", html: "<p>Hello</p>" },
  { from, to, subject: "file", text: "t", attachments: [attached] },
  { from, to, subject: "inline", html: '<img src="cid:logo">', attachments: [shown] },
  {
    from: { email: from, name: "Jürgen Müller" }, to: [to, { email: "b@example.test", name: "Bö" }], cc: "c@example.test",
    bcc: ["d@example.test"], replyTo: "r@example.test", subject: "Grüße 😀", text: "Grüße 😀", headers: { "X-Campaign": "spring" },
    categories: ["test"], customArgs: { a: "b" }, trackingSettings: { clickTracking: { enable: false } },
  },
  { from, to: [to, "no address"], subject: "s", text: "t" },
  { from, to: "x@elsewhere.test", subject: "s", text: "t" },
  { from, to, subject: "s", text: "t", sendAt: 4102444800 },
];
(async () => {
  sendgrid.setApiKey(key);
  sendgrid.client.setDefaultRequest("baseUrl", base);
  for (const call of calls) {
    try {
      const [response] = await sendgrid.send(call);
      console.log(JSON.stringify({ id: response.statusCode === 202 && response.headers["x-message-id"] }));
    } catch (error) {
      const [first] = error.response.body.errors;
      console.log(JSON.stringify({ error: { name: `${error.constructor.name}`, message: first.message } }));
    }
  }
})();
