using System.Runtime.CompilerServices;

// The tests look at the counters of native handles.
[assembly: InternalsVisibleTo("TangoToken.Tests")]
