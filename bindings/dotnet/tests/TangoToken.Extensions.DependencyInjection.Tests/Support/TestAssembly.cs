using Xunit.v3;

// The library's log belongs to the process, so that the container of one test would receive the lines of another.
[assembly: Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
