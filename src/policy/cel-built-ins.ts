// What conditions have from CEL itself: for hints and for the documentation.

/** What CEL has of its own, but for the functions that are refused. */
export const celBuiltIns = {
  operators: ["==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "? :", "in", "+", "-", "*", "/", "%", "[ ]"],
  functions: ["size", "int", "uint", "double", "string", "bool", "timestamp", "duration"],
  ofTexts: [
    "startsWith",
    "endsWith",
    "contains",
    "indexOf",
    "lastIndexOf",
    "substring",
    "split",
    "trim",
    "lowerAscii",
    "upperAscii",
    "size",
  ],
  ofLists: ["all", "exists", "exists_one", "filter", "map", "join", "size"],
  ofTimes: ["getFullYear", "getMonth", "getDate", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds"],
} as const;

/** The names of all functions and methods among them. */
export const celNames: readonly string[] = [
  ...celBuiltIns.functions,
  ...celBuiltIns.ofTexts,
  ...celBuiltIns.ofLists,
  ...celBuiltIns.ofTimes,
];
