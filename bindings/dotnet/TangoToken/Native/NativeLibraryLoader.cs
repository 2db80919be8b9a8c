using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
#if NETCOREAPP3_0_OR_GREATER
using System.Reflection;
#endif

namespace TangoToken
{
    /// <summary>
    /// Finds libtango_token before its first use, and says what to do if it is missing.
    ///
    /// The build for current .NET reads <c>TANGO_TOKEN_LIBRARY</c> first. If that is not set, and in the build for
    /// netstandard2.0, the runtime searches as for every P/Invoke: in the package's <c>runtimes/RID/native</c>, in the
    /// assembly's directory, and where the system's loader searches.
    /// </summary>
    internal static class NativeLibraryLoader
    {
        private const string Variable = "TANGO_TOKEN_LIBRARY";
        private static readonly object Gate = new object();
        private static volatile bool loaded;

        /// <exception cref="DllNotFoundException">There is no library, or it has another ABI version.</exception>
        internal static void Load()
        {
            if (loaded)
                return;
            lock (Gate)
            {
                if (loaded)
                    return;
                RequireAbiVersion(Find());
                CallbackThread.Enter();
                loaded = true;
            }
        }

        private static int Find()
        {
            try
            {
                Resolve();
                return NativeMethods.tango_abi_version();
            }
            catch (DllNotFoundException cause)
            {
                throw new DllNotFoundException(NotLoaded(cause), cause);
            }
            catch (BadImageFormatException cause)
            {
                throw new DllNotFoundException(
                    "libtango_token was built for another processor or operating system. " + NotLoaded(cause), cause);
            }
        }

        // If the variable is set, no other place is tried.
        private static string NotLoaded(Exception cause)
        {
#if NETCOREAPP3_0_OR_GREATER
            string named = Environment.GetEnvironmentVariable(Variable);
            if (!string.IsNullOrEmpty(named))
                return "The native library cannot be loaded from " + named + ", which " + Variable + " names: correct the "
                    + "variable, or remove it to search for the library. " + cause.Message;
#endif
            return NotFound();
        }

        private static void RequireAbiVersion(int found)
        {
            if (found == NativeMethods.AbiVersion)
                return;
            throw new DllNotFoundException(string.Format(
                "libtango_token {0} has ABI version {1}, and this assembly needs version {2}: install the native library "
                + "and TangoToken from the same release.",
                Utf8.Decode(NativeMethods.tango_version()), found, NativeMethods.AbiVersion));
        }

        private static string NotFound()
        {
            var places = new List<string>();
#if NETCOREAPP3_0_OR_GREATER
            places.Add(Variable + " (not set)");
#else
            if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
                places.Add(Variable + " (not read by the netstandard2.0 build of this package)");
#endif
            places.Add(AppContext.BaseDirectory);
            places.Add(Path.Combine(AppContext.BaseDirectory, "runtimes", "RID", "native"));
            string path = Environment.GetEnvironmentVariable("LD_LIBRARY_PATH");
            places.Add("LD_LIBRARY_PATH (" + (string.IsNullOrEmpty(path) ? "not set" : path) + ")");
            places.Add("the system's library path");
            return "The native library libtango_token.so was not found. Tried: " + string.Join("; ", places)
                + ". Build and install it with `make install` and `ldconfig` in a clone of tango-token, put it into the "
                + "program's directory, or name it in "
#if NETCOREAPP3_0_OR_GREATER
                + Variable + ".";
#else
                + "LD_LIBRARY_PATH.";
#endif
        }

#if NETCOREAPP3_0_OR_GREATER
        private static bool resolving;

        private static void Resolve()
        {
            if (!resolving)
                NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, FromVariable);
            resolving = true;
        }

        // Zero makes the runtime search as usual. If the variable is set, a library that cannot be loaded is an error.
        private static IntPtr FromVariable(string name, Assembly assembly, DllImportSearchPath? search)
        {
            string named = Environment.GetEnvironmentVariable(Variable);
            return string.IsNullOrEmpty(named) || name != NativeMethods.Library ? IntPtr.Zero : NativeLibrary.Load(named);
        }
#else
        private static void Resolve() { }
#endif
    }
}
