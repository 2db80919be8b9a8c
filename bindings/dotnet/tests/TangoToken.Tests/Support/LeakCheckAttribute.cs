using System.Reflection;
using TangoToken.Native;
using Xunit.v3;

// The counts of the leak check are those of the whole process.
[assembly: Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
[assembly: TangoToken.Tests.Support.LeakCheck]

namespace TangoToken.Tests.Support;

/// <summary>Makes a test fail that leaves native objects or GC handles behind, after the garbage collection.</summary>
[AttributeUsage(AttributeTargets.Assembly | AttributeTargets.Class | AttributeTargets.Method)]
public sealed class LeakCheckAttribute : BeforeAfterTestAttribute
{
    private int before;

    // What an earlier test has left behind is reported once.
    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        before = LiveObjects.Count;
        SynchronizationContext.SetSynchronizationContext(new PoolContext());
    }

    public override void After(MethodInfo methodUnderTest, IXunitTest test) => Leaks.RequireAtMost(before);

    /// <summary>
    /// Lets each continuation begin on an empty stack: otherwise an asynchronous test calls what follows it, and its own
    /// frames keep its objects alive.
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

internal static class Leaks
{
    internal static void RequireAtMost(int before)
    {
        // Objects are freed on threads of the library too, shortly after the call that used them has ended.
        Assert.True(
            Eventually.Is(() =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return LiveObjects.Count <= before;
            }),
            $"{LiveObjects.Count - before} native objects and GC handles were left behind");
    }
}

internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Waits until a condition holds. Returns whether it came true within a generous time.</summary>
    internal static bool Is(Func<bool> condition) => SpinWait.SpinUntil(condition, Limit);

    internal static void Require(Func<bool> condition, string what) => Assert.True(Is(condition), what);
}
