// Who has to log in anew has not sent anything: what was typed waits for the page it was typed on.
"use strict";

for (const key of Object.keys(sessionStorage)) {
  if (!key.startsWith("gatewright:form:")) continue;
  sessionStorage.setItem(key, JSON.stringify({ ...JSON.parse(sessionStorage.getItem(key)), isSent: false }));
}
