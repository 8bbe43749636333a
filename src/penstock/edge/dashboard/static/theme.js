// Before anything is drawn: the theme that was chosen on this device. A classic script, so that no other look flashes up.
(function () {
  let chosen = "";
  try { chosen = localStorage.getItem("penstock-theme") || ""; } catch { /* storage is off: the system's look */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
