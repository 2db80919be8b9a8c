using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TangoToken.Native;

internal static unsafe partial class NativeMethods
{
    // These three do a few instructions each and call nothing back, so they need no switch of the thread's mode.

    /// <summary>The address of a token's string; all handles of one token return the same.</summary>
    [LibraryImport(Library, EntryPoint = "tango_token_value")]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl), typeof(CallConvSuppressGCTransition)])]
    internal static partial nint ValueAddress(nint token);

    [LibraryImport(Library, EntryPoint = "tango_authorization_value")]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl), typeof(CallConvSuppressGCTransition)])]
    internal static partial byte* AuthorizationValue(nint authorization);

    [LibraryImport(Library, EntryPoint = "tango_authorization_dpop")]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl), typeof(CallConvSuppressGCTransition)])]
    internal static partial byte* AuthorizationDpop(nint authorization);

    /// <summary>Clones the client of an authorization, which may belong to a handle that was disposed.</summary>
    [LibraryImport(Library, EntryPoint = "tango_client_clone")]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    internal static partial nint CloneClient(nint client);
}
