using System.Reflection;
using TangoToken.Native;
using Xunit.v3;

// The counts of the leak check are those of the whole process.
[assembly: Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
[assembly: TangoToken.Tests.Support.LeakCheck]
[assembly: AssemblyFixture(typeof(TangoToken.Tests.Support.LastLeakCheck))]

namespace TangoToken.Tests.Support;

/// <summary>
/// Makes a test run fail in which a test leaves native objects or GC handles behind, after the garbage collection.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly | AttributeTargets.Class | AttributeTargets.Method)]
public sealed class LeakCheckAttribute : BeforeAfterTestAttribute
{
    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        Leaks.RequireNone();
        Leaks.Begin(test.TestDisplayName);
        SynchronizationContext.SetSynchronizationContext(new PoolContext());
    }

    /// <summary>
    /// Lets each continuation begin on an empty stack: otherwise an asynchronous test calls what follows it, and its
    /// own frames keep its objects alive.
    /// </summary>
    private sealed class PoolContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => ThreadPool.QueueUserWorkItem(_ =>
        {
            SetSynchronizationContext(this);
            d(state);
        });
    }
}

/// <summary>Checks the last test, when all have ended.</summary>
public sealed class LastLeakCheck : IDisposable
{
    public void Dispose() => Leaks.RequireNone();
}

/// <summary>What the last test left behind.</summary>
/// <remarks>
/// It is counted before the next one begins, because until then frames of the test runner can keep the objects of an
/// asynchronous test alive.
/// </remarks>
internal static class Leaks
{
    private static int before;
    private static string name = "";

    internal static void Begin(string test) => (before, name) = (LiveObjects.Count, test);

    internal static void RequireNone()
    {
        bool isClean = Eventually.Is(() =>
        {
            Collect();
            return LiveObjects.Count <= before;
        });
        int left = LiveObjects.Count - before;
        before = LiveObjects.Count;
        Assert.True(isClean, $"{name} left {left} native objects and GC handles behind");
    }

    internal static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}

internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Waits until a condition holds. Returns whether it came true within a generous time.</summary>
    internal static bool Is(Func<bool> condition) => SpinWait.SpinUntil(condition, Limit);

    internal static void Require(Func<bool> condition, string what) => Assert.True(Is(condition), what);
}
