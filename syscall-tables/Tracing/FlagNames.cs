using System.Globalization;
using System.Text;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>The C names of flags and constants, for traces. Values as in the x86-64 headers.</summary>
internal static class FlagNames
{
    /// <summary>
    /// One set of names. Each entry is "value NAME". An entry under a mask names the one value of a field ("Choices"),
    /// the others are bits that add up.
    /// </summary>
    /// <param name="ChoiceMask">The bits that hold one of <paramref name="Choices"/>;
    /// all of them for a plain constant.</param>
    /// <param name="Choices">Names of the field's values.</param>
    /// <param name="Bits">Names of flags, wider ones first.</param>
    internal sealed record Set(
        ulong ChoiceMask, (ulong Value, string Name)[] Choices, (ulong Value, string Name)[] Bits)
    {
        /// <summary>Names only, one of which is meant.</summary>
        public static Set Constant(params (ulong Value, string Name)[] names) => new(ulong.MaxValue, names, []);

        /// <summary>Names that add up.</summary>
        public static Set Flags(params (ulong Value, string Name)[] names) => new(0, [], names);

        /// <summary>The names of a value with what has no name as a number, "0" if nothing is set.</summary>
        public string Describe(ulong value)
        {
            StringBuilder text = new();
            ulong left = value & ~ChoiceMask, choice = value & ChoiceMask;
            if (ChoiceMask != 0)
                text.Append(NameOf(choice) ?? Number(choice));
            foreach ((ulong bits, string name) in Bits)
            {
                if (bits == 0 || (left & bits) != bits)
                    continue;
                left &= ~bits;
                text.Append(text.Length == 0 ? "" : "|").Append(name);
            }

            if (left != 0)
                text.Append(text.Length == 0 ? "" : "|").Append(Number(left));
            return text.Length == 0 ? "0" : text.ToString();
        }

        private string? NameOf(ulong value)
        {
            foreach ((ulong choice, string name) in Choices)
            {
                if (choice == value)
                    return name;
            }

            return null;
        }
    }

    public static string Number(ulong value) =>
        value < 10 ? value.ToString(CultureInfo.InvariantCulture) : $"0x{value:x}";

    /// <summary>The set of a format, or null if the format is not made of names.</summary>
    public static Set? Of(ArgumentFormat format) => format switch
    {
        ArgumentFormat.OpenFlags => FileNames.Open,
        ArgumentFormat.DescriptorFlags => FileNames.Descriptor,
        ArgumentFormat.AccessMode => FileNames.Access,
        ArgumentFormat.AtFlags => FileNames.At,
        ArgumentFormat.SeekWhence => FileNames.Seek,
        ArgumentFormat.FcntlCommand => FileNames.Fcntl,
        ArgumentFormat.IoctlRequest => FileNames.Ioctl,
        ArgumentFormat.MountFlags => FileNames.Mount,
        ArgumentFormat.UnmountFlags => FileNames.Unmount,
        ArgumentFormat.RenameFlags => FileNames.Rename,
        ArgumentFormat.InotifyMask => FileNames.Inotify,
        ArgumentFormat.LockOperation => FileNames.Lock,
        ArgumentFormat.SpliceFlags => FileNames.Splice,
        ArgumentFormat.FallocateMode => FileNames.Fallocate,
        ArgumentFormat.MemFdFlags => FileNames.MemFd,
        ArgumentFormat.EpollOperation => FileNames.Epoll,
        ArgumentFormat.PollEvents => FileNames.Poll,
        ArgumentFormat.Protection => TaskNames.Protection,
        ArgumentFormat.MapFlags => TaskNames.Map,
        ArgumentFormat.RemapFlags => TaskNames.Remap,
        ArgumentFormat.Advice => TaskNames.Advice,
        ArgumentFormat.SynchronizeFlags => TaskNames.Synchronize,
        ArgumentFormat.CloneFlags => TaskNames.Clone,
        ArgumentFormat.WaitOptions => TaskNames.Wait,
        ArgumentFormat.WaitKind => TaskNames.WaitKind,
        ArgumentFormat.FutexOperation => TaskNames.Futex,
        ArgumentFormat.PrctlOption => TaskNames.Prctl,
        ArgumentFormat.ArchPrctlCode => TaskNames.ArchPrctl,
        ArgumentFormat.Clock => TaskNames.Clock,
        ArgumentFormat.Resource => TaskNames.Resource,
        ArgumentFormat.RandomFlags => TaskNames.Random,
        ArgumentFormat.TimerFlags => TaskNames.Timer,
        ArgumentFormat.SchedulePolicy => TaskNames.Policy,
        ArgumentFormat.SignalHow => TaskNames.SignalHow,
        ArgumentFormat.SocketDomain => SocketNames.Domain,
        ArgumentFormat.SocketType => SocketNames.Type,
        ArgumentFormat.MessageFlags => SocketNames.Message,
        ArgumentFormat.SocketLevel => SocketNames.Level,
        ArgumentFormat.SocketOption => SocketNames.Option,
        ArgumentFormat.ShutdownHow => SocketNames.Shutdown,
        _ => null,
    };
}
