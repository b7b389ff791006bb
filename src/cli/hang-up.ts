/**
 * Ends the program as everything ends whose terminal was closed. Its own end would fail: Node puts the settings of the terminal back, and
 * takes it for a defect that it cannot.
 */
export function hangUp(): void {
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
}
