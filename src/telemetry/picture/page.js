"use strict";
// Zoom of the overview, and the slot under the pointer. The page says everything without it.
const tools = document.querySelector(".tools");
if (tools) {
  tools.hidden = false;
  const output = tools.querySelector("output");
  for (const button of tools.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      for (const plot of document.querySelectorAll(".plot")) {
        const scroll = plot.parentElement;
        const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / plot.clientWidth;
        plot.style.setProperty("--zoom", button.dataset.zoom);
        scroll.scrollLeft = middle * plot.clientWidth - scroll.clientWidth / 2;
      }
    });
  }
  for (const chart of document.querySelectorAll(".chart")) {
    const svg = chart.querySelector("svg");
    const { startNs, slotNs, first, slots } = chart.dataset;
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const slot = Math.floor(((event.clientX - box.left) / box.width) * Number(slots));
      const at = (Number(startNs) + slot * Number(slotNs)) / 1e9;
      output.textContent = `${at.toFixed(4)} s, slot ${Number(first) + slot}`;
    });
    svg.addEventListener("pointerleave", () => { output.textContent = ""; });
  }
}
