using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Leases;
using Sandbox.Platform.Shortcuts.Polling;

namespace Sandbox.Platform.Shortcuts.Setup;

/// <summary>
/// Shortcuts by a page that each guest thread shares with the Sentry: frequent system calls are rewritten to go by it,
/// and host threads look at the pages where there is more than one processor.
/// </summary>
public sealed class PageShortcuts : ShortcutProvider
{
    private readonly LeaseBudget _leases = new();
    private readonly FastPollers? _pollers = HostProcessors.Count > 1 ? new FastPollers() : null;

    internal override IThreadShortcuts Create(IShortcutHost host) => new FastPath(host, new(), _pollers, _leases);
}
