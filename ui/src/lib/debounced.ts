/** Runs `act` once `ms` have passed without another call; the returned function asks for it. */
export function debounced(act: () => void, ms: number): { ask: () => void; drop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    ask: () => {
      clearTimeout(timer);
      timer = setTimeout(act, ms);
    },
    drop: () => clearTimeout(timer),
  };
}
