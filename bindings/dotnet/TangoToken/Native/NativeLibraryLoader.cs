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
    /// Finds libtango_token before its first use, and says what to do where there is none.
    ///
    /// The build for current .NET looks at <c>TANGO_TOKEN_LIBRARY</c> first. Where that is not set, and in the build for
    /// netstandard2.0, the runtime looks as it does for every P/Invoke: in the package's <c>runtimes/RID/native</c>, beside the
    /// assembly, and where the system's loader looks.
    /// </summary>
    internal static class NativeLibraryLoader
    {
        private const string Variable = "TANGO_TOKEN_LIBRARY";
        private static readonly object Gate = new object();
        private static volatile bool loaded;

        /// <exception cref="DllNotFoundException">There is no library, or none of this ABI version.</exception>
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
                throw new DllNotFoundException(NotFound(), cause);
            }
            catch (BadImageFormatException cause)
            {
                throw new DllNotFoundException("libtango_token is for another kind of processor or system. " + NotFound(), cause);
            }
        }

        private static void RequireAbiVersion(int found)
        {
            if (found == NativeMethods.AbiVersion)
                return;
            throw new DllNotFoundException(string.Format(
                "libtango_token {0} has ABI version {1}, and this assembly needs {2}: install the library and the package TangoToken "
                + "of the same version.",
                Utf8.Decode(NativeMethods.tango_version()), found, NativeMethods.AbiVersion));
        }

        private static string NotFound()
        {
            var places = new List<string>();
            string named = Environment.GetEnvironmentVariable(Variable);
#if NETCOREAPP3_0_OR_GREATER
            places.Add(string.IsNullOrEmpty(named) ? Variable + " (not set)" : Variable + " (" + named + ")");
#else
            if (!string.IsNullOrEmpty(named))
                places.Add(Variable + " (not read by the netstandard2.0 build of this package)");
#endif
            places.Add(AppContext.BaseDirectory);
            places.Add(Path.Combine(AppContext.BaseDirectory, "runtimes", "RID", "native"));
            string path = Environment.GetEnvironmentVariable("LD_LIBRARY_PATH");
            places.Add("LD_LIBRARY_PATH (" + (string.IsNullOrEmpty(path) ? "not set" : path) + ")");
            places.Add("the system's library path");
            return "The native library libtango_token.so was not found. Looked at: " + string.Join("; ", places)
                + ". The package TangoToken brings it for the systems it lists; elsewhere build it with `make install` in the source "
                + "of tango-token, and put it beside the program or name it in "
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

        // Zero lets the runtime look in its own places. A variable that names no library fails: it was set for a reason.
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
