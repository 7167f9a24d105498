// Two requests with two personalizations each by SendGrid's SDK for Node: both good, and one not allowed.
const sendgrid = require("@sendgrid/mail");
const [, , base, key] = process.argv;
const mail = (...to) => ({
  from: "f@example.test", subject: "batch", text: "t",
  personalizations: to.map((one) => ({ to: one, subject: `to ${one}`, headers: { "X-To": one } })),
});
(async () => {
  sendgrid.setApiKey(key);
  sendgrid.client.setDefaultRequest("baseUrl", base);
  for (const call of [mail("a@example.test", "b@example.test"), mail("a@example.test", "x@elsewhere.test")]) {
    try {
      const [response] = await sendgrid.send(call);
      console.log(JSON.stringify({ ids: response.headers["x-message-id"].split(", "), error: null }));
    } catch (error) {
      console.log(JSON.stringify({ ids: [], error: error.response.body.errors[0].message }));
    }
  }
})();
