// With this script the visitor stays on the page. Without it the browser sends the form by itself and shows the server's answer.
"use strict";

const form = document.forms[0];
const outcome = document.getElementById("outcome");
const button = form.querySelector("button");

function say(text) {
  outcome.textContent = text;
  outcome.focus();
}

function mark({ field, message }) {
  const control = form.elements[field];
  if (!control?.after) return;
  const wrong = document.createElement("span");
  wrong.className = "wrong";
  wrong.id = `${field}-wrong`;
  wrong.textContent = message;
  control.after(wrong);
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", wrong.id);
}

function unmark() {
  form.querySelectorAll(".wrong").forEach((wrong) => wrong.remove());
  form.querySelectorAll("[aria-invalid]").forEach((control) => control.removeAttribute("aria-invalid"));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  unmark();
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new FormData(form) });
    const said = await answer.json();
    (said.errors ?? []).forEach(mark);
    say(said.message);
    form.querySelector("[aria-invalid]")?.focus();
    form.hidden = said.success;
  } catch {
    say("No answer came. Your message may have reached us all the same; please wait for our answer before you send it again.");
  } finally {
    button.disabled = false;
  }
});
