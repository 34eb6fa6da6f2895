using BenchmarkDotNet.Attributes;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Perf;

/// <summary>A write and a read through a pipe, without the copies to and from a guest.</summary>
[MemoryDiagnoser]
public class PipeBenchmarks
{
    private readonly byte[] _bytes = new byte[4096];
    private PipeFile _reader = null!;
    private PipeFile _writer = null!;

    [Params(64, 4096)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Create() =>
        (_reader, _writer) = PipeBuffer.Create(OpenFlags.ReadOnly, new Caller())
            .Failed(out (PipeFile Reader, PipeFile Writer) ends, out Errno error)
            ? throw new InvalidOperationException(error.ToString())
            : ends;

    [Benchmark]
    public long Write_and_read()
    {
        if (_writer.Write(_bytes.AsSpan(0, Bytes)).Failed(out _, out _))
            return -1;
        return _reader.Read(_bytes.AsSpan(0, Bytes)).Failed(out int count, out _) ? -1 : count;
    }

    private sealed class Caller : ICaller
    {
        public Credentials Credentials { get; } =
            new() { UserNamespace = UserNamespace.Root, Effective = CapabilitySet.Full, Permitted =
                CapabilitySet.Full };

        public UserMemory Memory => default;

        public FsContext Fs => throw new NotSupportedException();

        public Sleeper Sleeper { get; } = new();
    }
}
