// Brings the parts of the page together.

import { setUpExplain } from "./explain.js";
import { setUpFaults, showFaults } from "./faults.js";
import { clearRequests, setUpList, showRequest } from "./list.js";
import { listen } from "./server.js";
import { showState } from "./status.js";

const connection = document.getElementById("connection");
const words = { live: "Live", lost: "Connection lost. Trying again." };

function changeState(state) {
  showState(state);
  showFaults(state);
}

setUpList();
setUpFaults(changeState);
setUpExplain();

listen({
  connection(state) {
    if (connection.dataset.state === state) return;
    connection.dataset.state = state;
    connection.textContent = words[state];
  },
  // The sandbox may be another than before: what it sends is all there is.
  opened({ state, requests }) {
    clearRequests();
    for (const request of requests) showRequest(request, { announce: false });
    changeState(state);
  },
  request: showRequest,
  state: changeState,
  cleared: clearRequests,
});
