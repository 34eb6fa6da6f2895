using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Namespaces;

/// <summary>A pid namespace (pid_namespaces(7)). All members are guarded by the kernel's Tree lock.</summary>
internal sealed class PidNamespace(PidNamespace? parent, UserNamespace owner)
{
    /// <summary>One more than the largest pid (/proc/sys/kernel/pid_max).</summary>
    public const int MaxPid = 32768;

    /// <summary>Deepest nesting (pid_namespaces(7)).</summary>
    public const int MaxLevel = 32;

    private readonly SortedDictionary<int, Pid> _pids = [];
    private int _last;

    public PidNamespace? Parent { get; } = parent;
    public int Level { get; } = parent is null ? 0 : parent.Level + 1;
    public UserNamespace Owner { get; } = owner;
    public ulong Number { get; } = NamespaceNumber.Next();

    /// <summary>PID 1: adopts orphans; its death ends the namespace.</summary>
    public ThreadGroup? Init { get; set; }

    /// <summary>Set when Init dies: no more processes can be made (ENOMEM, as Linux).</summary>
    public bool IsDead { get; set; }

    /// <summary>All ids in ascending order.</summary>
    public IEnumerable<KeyValuePair<int, Pid>> Pids => _pids;

    public int Count => _pids.Count;

    /// <summary>True if this namespace is <paramref name="other"/> or a descendant of it.</summary>
    public bool IsSelfOrBelow(PidNamespace other)
    {
        PidNamespace? current = this;
        while (current is not null && current.Level > other.Level)
            current = current.Parent;
        return current == other;
    }

    public Pid? Find(int number) => _pids.GetValueOrDefault(number);

    /// <summary>
    /// A new id with a number here and in every ancestor. EAGAIN when a namespace is full, ENOMEM when it is dead.
    /// </summary>
    public Result<Pid> Allocate()
    {
        int[] numbers = new int[Level + 1];
        Pid pid = new(this, numbers);
        for (PidNamespace? current = this; current is not null; current = current.Parent)
        {
            int number = current.IsDead ? 0 : current.NextFree();
            if (number == 0)
            {
                Remove(numbers, current.Level + 1);
                return current.IsDead ? Errno.ENOMEM : Errno.EAGAIN;
            }

            numbers[current.Level] = number;
            current._pids.Add(number, pid);
        }

        return pid;
    }

    /// <summary>Gives the numbers of an id back that nothing uses any more.</summary>
    public static void Release(Pid pid)
    {
        for (PidNamespace? current = pid.Namespace; current is not null; current = current.Parent)
            current._pids.Remove(pid.In(current));
    }

    private void Remove(int[] numbers, int fromLevel)
    {
        for (PidNamespace? current = this; current is not null && current.Level >= fromLevel; current = current.Parent)
            current._pids.Remove(numbers[current.Level]);
    }

    private int NextFree()
    {
        for (int tries = 0; tries < MaxPid; tries++)
        {
            // Linux restarts at RESERVED_PIDS (300) after a wrap,
            // so that early daemons' numbers are not reused at once.
            _last = _last + 1 >= MaxPid ? 300 : _last + 1;
            if (!_pids.ContainsKey(_last))
                return _last;
        }

        return 0;
    }
}
