// Which floxide is measured: `npm run bench` builds it and says `--conditions=floxide-built`, so that `#floxide` is what
// users run. What runs TypeScript adds to each function that is made, costs a tenth. Without that it is `src`.

/** How a process of the benchmark is started, so that it measures the same floxide as this one. */
export const childOptions = {
  execArgv: [
    "--import",
    "tsx",
    ...process.execArgv.filter((arg) => /^--(?:conditions|cpu-prof|heap-prof)/.test(arg)),
  ],
};
