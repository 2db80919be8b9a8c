using System;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    /// <summary>Marks a public static method, with or without a task, as a test, which fails by throwing.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    public sealed class TestAttribute : Attribute { }

    /// <summary>
    /// Runs all tests, or those whose name contains the first argument. A test fails if it leaves native handles behind.
    /// </summary>
    public static class Runner
    {
        public static int Main(string[] arguments)
        {
            if (arguments.Length == 2 && arguments[0] == Probe.Argument)
                return Probe.Run(arguments[1]);
            string wanted = arguments.FirstOrDefault() ?? "";
            MethodInfo[] tests = typeof(Runner).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static))
                .Where(method => method.GetCustomAttribute<TestAttribute>() != null && FullName(method).Contains(wanted))
                .OrderBy(FullName, StringComparer.Ordinal).ToArray();
            int failed = tests.Count(test => !Passes(test));
            Console.WriteLine("{0} passed, {1} failed", tests.Length - failed, failed);
            return failed == 0 && tests.Length > 0 ? 0 : 1;
        }

        private static bool Passes(MethodInfo test)
        {
            Stopwatch time = Stopwatch.StartNew();
            Exception failure = null;
            // On a separate thread, so that no stack keeps handles alive.
            var thread = new Thread(() => failure = Failure(test));
            thread.Start();
            thread.Join();
            if (failure == null && !Handles.Settle())
                failure = new Exception("left behind: " + Handles.Describe());
            Console.WriteLine("{0} {1} ({2} ms)", failure == null ? "ok  " : "FAIL", FullName(test), time.ElapsedMilliseconds);
            if (failure != null)
                Console.WriteLine(failure);
            return failure == null;
        }

        private static Exception Failure(MethodInfo test)
        {
            try
            {
                var task = test.Invoke(null, null) as Task;
                if (task != null)
                    task.GetAwaiter().GetResult();
                return null;
            }
            catch (TargetInvocationException wrapper)
            {
                return wrapper.InnerException;
            }
            catch (Exception failure)
            {
                return failure;
            }
        }

        private static string FullName(MethodInfo method)
        {
            return method.DeclaringType.Name + "." + method.Name;
        }
    }

    /// <summary>The binding's counts of native objects and of objects that native code holds.</summary>
    internal static class Handles
    {
        internal static bool Settle()
        {
            for (int round = 0; round < 100; round++)
            {
                if (NativeHandle.Live == 0 && Rooted.Live == 0)
                    return true;
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Thread.Sleep(20);
            }
            return false;
        }

        internal static string Describe()
        {
            return NativeHandle.Live + " native handles, " + Rooted.Live + " roots";
        }
    }
}
