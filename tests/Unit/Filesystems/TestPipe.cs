using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>A pipe whose making must not fail.</summary>
internal static class TestPipe
{
    public static (PipeFile Reader, PipeFile Writer) Create(OpenFlags flags, ICaller caller)
    {
        Result<(PipeFile Reader, PipeFile Writer)> made = PipeBuffer.Create(flags, caller);
        Assert.False(made.Failed(out (PipeFile Reader, PipeFile Writer) ends, out Errno error), error.ToString());
        return ends;
    }
}
