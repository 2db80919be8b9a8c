using System.Diagnostics;
using System.Globalization;

/// <summary>
/// Measures candidates in turn, round by round, so that what else the machine does meets all of them. A figure is the
/// median of the rounds.
/// </summary>
internal sealed class Rounds(string title, int calls, int rounds = 15)
{
    private readonly List<(string Name, Func<int, Task> Run)> candidates = [];

    internal Rounds Add(string name, Func<object?> call)
    {
        candidates.Add((name, count =>
        {
            for (int i = 0; i < count; i++)
                call();
            return Task.CompletedTask;
        }
        ));
        return this;
    }

    internal Rounds AddAsync<T>(string name, Func<ValueTask<T>> call)
    {
        candidates.Add((name, async count =>
        {
            for (int i = 0; i < count; i++)
                await call();
        }
        ));
        return this;
    }

    internal Rounds AddThreads(string name, Func<object?> call)
    {
        candidates.Add((name, count => Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (int i = 0; i < count; i++)
                    call();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)))));
        return this;
    }

    internal async Task Report()
    {
        var times = candidates.Select(_ => new List<double>()).ToArray();
        for (int round = -2; round < rounds; round++)
        {
            for (int i = 0; i < candidates.Count; i++)
            {
                long start = Stopwatch.GetTimestamp();
                await candidates[i].Run(calls);
                // The first two warm up.
                if (round >= 0)
                    times[i].Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds / calls);
            }
        }
        Console.WriteLine($"\n{title}");
        for (int i = 0; i < candidates.Count; i++)
        {
            times[i].Sort();
            double median = times[i][times[i].Count / 2];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {candidates[i].Name,-46} {median / 1000,12:N3} us   (least {times[i][0] / 1000:N3})"));
        }
    }
}
