// What sdks.rs wants of every SDK, by Postmark's for Node: a line of JSON for each call.
const { ServerClient } = require("postmark");
const [, , base, key] = process.argv;
const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString("base64");
const From = "f@example.test";
const To = "a@example.test";
const calls = [
  { From, To, Subject: "plain", TextBody: "Hello", MessageStream: "outbound", TrackLinks: "None", TrackOpens: false },
  { From, To, Subject: "html", TextBody: "Hello", HtmlBody: "<p>Hello</p>" },
  {
    From, To, Subject: "file", TextBody: "t",
    Attachments: [{ Name: "rechnung.pdf", Content: all, ContentType: "application/pdf", ContentID: null }],
  },
  {
    From, To, Subject: "inline", HtmlBody: '<img src="cid:logo">',
    Attachments: [{ Name: "logo.png", Content: "iVBORw==", ContentType: "image/png", ContentID: "cid:logo" }],
  },
  {
    From: "Jürgen Müller <f@example.test>", To: `${To}, Bö <b@example.test>`, Cc: "c@example.test", Bcc: "d@example.test",
    ReplyTo: "r@example.test", Subject: "Grüße 😀", TextBody: "Grüße 😀", Headers: [{ Name: "X-Campaign", Value: "spring" }],
    Tag: "test", Metadata: { a: "b" },
  },
  { From, To: "a@example.test, no address", Subject: "s", TextBody: "t" },
  { From, To: "x@elsewhere.test", Subject: "s", TextBody: "t" },
  { From, To, Subject: "s", TextBody: "t", TrackOpens: true },
];
(async () => {
  const client = new ServerClient(key, { useHttps: false, requestHost: base.replace("http://", "") });
  for (const call of calls) {
    try {
      const { MessageID, ErrorCode } = await client.sendEmail(call);
      console.log(JSON.stringify({ id: ErrorCode === 0 && MessageID }));
    } catch (error) {
      console.log(JSON.stringify({ error: { name: error.name, message: error.message } }));
    }
  }
})();
