// Lets the browser make a passkey, or prove one: what it answers goes to the console with the form.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const listed = (credentials) => (credentials ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

function told(options) {
  const found = { ...options, challenge: bytes(options.challenge) };
  if (options.user) found.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) found.allowCredentials = listed(options.allowCredentials);
  if (options.excludeCredentials) found.excludeCredentials = listed(options.excludeCredentials);
  return found;
}

function answered(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response, clientExtensionResults: {} };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    const publicKey = told(JSON.parse(form.querySelector("script").textContent));
    const refused = form.querySelector("[data-refused]");
    refused.hidden = true;
    try {
      const asked = form.dataset.passkey === "make" ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey });
      form.elements.credential.value = JSON.stringify(answered(await asked));
      form.requestSubmit();
    } catch {
      refused.hidden = false;
    }
  });
}
