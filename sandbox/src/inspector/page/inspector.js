// Brings the parts of the page together.

import { setUpExplain } from "./explain.js";
import { setUpFaults, showFaults } from "./faults.js";
import { clearRequests, replaceRequests, setUpList, showRequest } from "./list.js";
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
  opened({ state, requests }) {
    replaceRequests(requests);
    changeState(state);
  },
  request: showRequest,
  state: changeState,
  cleared: clearRequests,
});
