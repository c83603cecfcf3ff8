"use strict";
(() => {
  const { charts, config, sliders } = JSON.parse(document.getElementById("data").textContent);

  // --- charts: those in sight first, the others when there is time -----------------------------

  const options = {
    mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, config,
    logLevel: 1, // errors: that a layer is empty is no warning here
  };
  const waiting = new Set(document.querySelectorAll("[data-chart]"));

  function draw(place) {
    if (!waiting.delete(place)) return;
    watcher.unobserve(place);
    window.vegaEmbed(place, charts[place.dataset.chart], options).catch((error) => {
      place.textContent = `The chart could not be drawn (${error.message}); its table is below.`;
    });
  }

  const watcher = new IntersectionObserver(
    (seen) => seen.filter((each) => each.isIntersecting).forEach((each) => draw(each.target)),
    { rootMargin: "400px" },
  );
  waiting.forEach((place) => watcher.observe(place));

  function drawNext() {
    const [place] = waiting;
    if (!place) return;
    draw(place);
    setTimeout(drawNext, 30);
  }
  setTimeout(drawNext, 500);

  // --- the budget: a look-up of what was worked out beforehand ---------------------------------

  const form = document.getElementById("budget");
  if (!form) return;
  const range = document.getElementById("limit");
  const words = document.getElementById("limit-words");
  const spoken = document.getElementById("spoken");
  const cells = [...document.querySelectorAll("[data-network]")];
  const MOST_SPOKEN = 6;

  function limit(slider) {
    if (range.value === range.max) return Infinity;
    const share = range.value / range.max;
    const value = slider.low * (slider.high / slider.low) ** share;
    return Number(value.toPrecision(3));
  }

  function answer(network, budget) {
    let step = network.from.findIndex((start) => start > budget);
    if (step < 0) step = network.from.length;
    return network.answers[Math.min(step, network.answers.length - 1)];
  }

  function update() {
    const slider = sliders[form.elements.cost.value];
    const budget = limit(slider);
    const said = budget === Infinity ? "no limit" : `${budget.toLocaleString("en")} ${slider.unit}`;
    words.textContent = said;
    range.setAttribute("aria-valuetext", budget === Infinity ? said : `at most ${said}`);
    const found = cells.map((cell) => [cell, slider.networks[cell.dataset.network]]);
    const told = found.map(([cell, network]) => {
      const { depth, told } = answer(network, budget);
      cell.querySelector("strong").textContent = depth;
      cell.querySelector("small").textContent = told;
      return `\u2068${network.name}\u2069 ${depth}`; // isolated: a name may be written to the left
    });
    const more = told.length > MOST_SPOKEN ? `, and ${told.length - MOST_SPOKEN} more below` : "";
    const start = budget === Infinity ? "Without a limit" : `With ${slider.label} of at most ${said}`;
    spoken.textContent = `${start}, the best depth is: ${told.slice(0, MOST_SPOKEN).join(", ")}${more}.`;
  }

  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  document.querySelectorAll(".within").forEach((each) => { each.hidden = false; });
  update();
})();
