using System.Text;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Sandbox.Platform.Stubs;
using Xunit;

namespace Sandbox.UnitTests.Platform;

/// <summary>Children that nobody knows end; those that somebody knows, or is about to know, do not.</summary>
public sealed class StrayStubsTests : IDisposable
{
    // Not a Process of .NET's, which insists on reaping its children itself.
    private readonly SpawnScript _child = new();
    private readonly HashSet<int> _known = [];
    private readonly List<string> _log = [];
    private readonly StrayStubs _strays;

    public StrayStubsTests()
    {
        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, "/bin/sleep"u8, OpenFlags.Path | OpenFlags.CloseOnExec)
            .Failed(out int sleep, out _));
        _child.ResetSignals();
        _child.Execute(sleep, ["sleep", "1000"], []);
        Assert.Equal(default, _child.Run());
        HostFile.Close(sleep);
        _strays = new StrayStubs(_known.Contains, () => Encoding.ASCII.GetBytes($"1 {_child.ProcessId} "), _log.Add);
    }

    private bool IsThere => Directory.Exists($"/proc/{_child.ProcessId}");

    public void Dispose()
    {
        if (IsThere)
            HostProcess.KillAndReap(_child.ProcessId);
        _child.Dispose();
    }

    [Fact]
    public void Nothing_is_looked_for_unless_something_may_be_there()
    {
        _strays.EndMaking(_strays.BeginMaking(), mayHaveStray: false);
        Assert.False(_strays.IsAtWork);
        _strays.Look();
        _strays.Look();
        Assert.Empty(_log);
    }

    [Fact]
    public void A_child_that_nobody_knows_is_killed()
    {
        _known.Add(1);
        _strays.EndMaking(_strays.BeginMaking(), mayHaveStray: true);
        Assert.True(_strays.IsAtWork);
        _strays.Look();
        _strays.Look();
        Assert.Single(_log);
        for (int attempt = 0; attempt < 3000 && IsThere; attempt++)
        {
            Thread.Sleep(10);
            _strays.Look();
        }

        Assert.False(IsThere);
        Assert.False(_strays.IsAtWork);
    }

    [Fact]
    public void A_child_that_was_being_made_may_become_known()
    {
        _known.Add(1);
        long other = _strays.BeginMaking();
        _strays.EndMaking(_strays.BeginMaking(), mayHaveStray: true);
        _strays.Look();
        _strays.Look();
        Assert.True(_strays.IsAtWork);
        _known.Add(_child.ProcessId);
        _strays.EndMaking(other, mayHaveStray: false);
        _strays.Look();
        Assert.False(_strays.IsAtWork);
        Assert.Empty(_log);
        Assert.True(IsThere);
    }
}
