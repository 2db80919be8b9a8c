using System;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    internal static class Check
    {
        internal static void That(bool holds, string what)
        {
            if (!holds)
                throw new Exception("does not hold: " + what);
        }

        internal static void Equal<T>(T expected, T found, string what = "")
        {
            if (!Equals(expected, found))
                throw new Exception(string.Format("{0}: expected <{1}>, found <{2}>", what, expected, found));
        }

        internal static void Between(TimeSpan least, TimeSpan most, TimeSpan? found)
        {
            if (!(found >= least && found <= most))
                throw new Exception(string.Format("<{0}> is not between {1} and {2}", found, least, most));
        }

        internal static void Contains(string part, string text)
        {
            if (text == null || !text.Contains(part))
                throw new Exception(string.Format("<{0}> is not in <{1}>", part, text));
        }

        internal static void ContainsNot(string part, string text)
        {
            if (text != null && text.Contains(part))
                throw new Exception(string.Format("<{0}> is in <{1}>", part, text));
        }

        internal static T Throws<T>(Action action) where T : Exception
        {
            try
            {
                action();
            }
            catch (T expected)
            {
                return expected;
            }
            throw new Exception("nothing was thrown, instead of " + typeof(T).Name);
        }

        internal static Exception Failure(Action action)
        {
            try
            {
                action();
                return null;
            }
            catch (Exception failure)
            {
                return failure;
            }
        }

        internal static TangoTokenException Refused(string what, Func<TangoClient> make)
        {
            try
            {
                make().Dispose();
            }
            catch (TangoTokenException error)
            {
                return error;
            }
            throw new Exception(what + " was not refused");
        }

        internal static async Task<T> ThrowsAsync<T>(Func<Task> action) where T : Exception
        {
            try
            {
                await action();
            }
            catch (T expected)
            {
                return expected;
            }
            throw new Exception("nothing was thrown, instead of " + typeof(T).Name);
        }

        internal static TangoTokenException Fails(TangoStatus status, Action action)
        {
            var error = Throws<TangoTokenException>(action);
            Equal(status, error.Status, error.Message);
            return error;
        }

        internal static async Task<TangoTokenException> FailsAsync(TangoStatus status, Func<Task> action)
        {
            var error = await ThrowsAsync<TangoTokenException>(action);
            Equal(status, error.Status, error.Message);
            return error;
        }
    }
}
