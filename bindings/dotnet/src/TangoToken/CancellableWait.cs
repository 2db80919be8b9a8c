namespace TangoToken;

/// <summary>Waits that end before the work does.</summary>
internal static class CancellableWait
{
    /// <summary>Waits for a task until the cancellation, which leaves the task alone.</summary>
    internal static Task UntilCancelled(this Task task, CancellationToken cancellationToken) =>
        Observed(task).WaitAsync(cancellationToken);

    /// <inheritdoc cref="UntilCancelled(Task, CancellationToken)"/>
    internal static Task<T> UntilCancelled<T>(this Task<T> task, CancellationToken cancellationToken) =>
        Observed(task).WaitAsync(cancellationToken);

    /// <summary>
    /// Keeps a task that fails after its caller gave up from being reported as an unobserved exception.
    /// </summary>
    private static T Observed<T>(T task) where T : Task
    {
        task.ContinueWith(
            static failed => failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default);
        return task;
    }
}
