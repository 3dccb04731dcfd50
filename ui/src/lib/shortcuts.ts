// Every key, as the help lists them. What a key does is decided where it is pressed.

interface Shortcut {
  keys: string;
  text: string;
}

export const SHORTCUTS: readonly { title: string; keys: readonly Shortcut[] }[] = [
  {
    title: "Everywhere",
    keys: [
      { keys: "Ctrl K", text: "Commands" },
      { keys: "/", text: "Search in the upper view" },
      { keys: "Alt 1 … 4", text: "Map, calls, logs, terminal" },
      { keys: "i", text: "Inspector" },
      { keys: "Esc", text: "Widen the selection by one step" },
      { keys: "?", text: "These keys" },
    ],
  },
  {
    title: "Time axis",
    keys: [
      { keys: "← →", text: "A range, moved; with Shift longer, shorter" },
      { keys: "PgUp PgDn", text: "The axis earlier, later; or drag its ruler, or the wheel" },
      { keys: "Home End", text: "As far back as there is anything, and now" },
      { keys: "- +", text: "A wider, a narrower span" },
    ],
  },
  {
    title: "Logs: move",
    keys: [
      { keys: "j k ↓ ↑", text: "Next, previous line" },
      { keys: "Space PgDn PgUp", text: "A screen further, back" },
      { keys: "g G", text: "First, last line" },
      { keys: "n N", text: "Next, previous hit" },
      { keys: "] [", text: "Next, previous bookmark" },
      { keys: "e E", text: "Next, previous error" },
      { keys: "f", text: "Follow, or stop following" },
    ],
  },
  {
    title: "Logs: look",
    keys: [
      { keys: "Enter", text: "Open the line: its fields, or all of it" },
      { keys: "c", text: "The line among its neighbours, and back" },
      { keys: "w", text: "Wrap long lines" },
      { keys: "t", text: "Another form of time" },
      { keys: "h", text: "Highlight the selected text" },
      { keys: "m", text: "Mute the service of the line" },
      { keys: "s", text: "Search leaves only hits, or marks them" },
    ],
  },
  {
    title: "Logs: keep",
    keys: [
      { keys: "b", text: "Bookmark the line" },
      { keys: "Shift ↓ ↑ or click", text: "Select a range of lines" },
      { keys: "Ctrl C", text: "Copy the range or the line" },
      { keys: "Ctrl S", text: "Save the range, or all that matches, as text" },
      { keys: "Ctrl L", text: "Clear the view; again to undo" },
    ],
  },
];
