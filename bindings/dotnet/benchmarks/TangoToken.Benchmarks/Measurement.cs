using System.Diagnostics;

namespace TangoToken.Benchmarks;

/// <summary>Cases that take turns, each timed in every round.</summary>
internal sealed class Measurement
{
    private readonly List<Case> cases = [];

    internal Measurement Add(string name, int count, Func<object> call)
    {
        cases.Add(new Case(name, count, () =>
        {
            for (int i = 0; i < count; i++)
                call();
            return Task.CompletedTask;
        }));
        return this;
    }

    internal Measurement AddAsync(string name, int count, Func<Task> call)
    {
        cases.Add(new Case(name, count, async () =>
        {
            for (int i = 0; i < count; i++)
                await call();
        }));
        return this;
    }

    /// <summary>Runs all cases, after some rounds in which the code is compiled, and prints a table.</summary>
    internal async Task RunAsync(int rounds)
    {
        for (int round = -5; round < rounds; round++)
        {
            foreach (Case one in cases)
                await one.MeasureAsync(isCounted: round >= 0);
        }
        Console.WriteLine($"{"",-32} {"best",10} {"median",10} {"bytes",8}");
        foreach (Case one in cases)
            Console.WriteLine($"{one.Name,-32} {one.Times.Min(),10:N1} {one.Median,10:N1} {one.Bytes,8:N0}");
    }

    /// <summary>Compares one thread with two that make the same calls at once.</summary>
    internal static async Task RunOnThreadsAsync(string name, int count, Func<object> call)
    {
        foreach (int threads in (int[])[1, 2, 1, 2])
        {
            long start = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    for (int i = 0; i < count; i++)
                        call();
                },
                TaskCreationOptions.LongRunning)));
            double each = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
            Console.WriteLine($"{name}, {threads} thread(s): {each:N1} ns for a call of each thread");
        }
    }

    private sealed class Case(string name, int count, Func<Task> run)
    {
        internal string Name => name;

        internal List<double> Times { get; } = [];

        internal double Median => Times.Order().ElementAt(Times.Count / 2);

        internal long Bytes { get; private set; }

        internal async Task MeasureAsync(bool isCounted)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            long start = Stopwatch.GetTimestamp();
            await run();
            double time = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
            if (!isCounted)
                return;
            Times.Add(time);
            Bytes = (GC.GetTotalAllocatedBytes(precise: true) - before) / count;
        }
    }
}
