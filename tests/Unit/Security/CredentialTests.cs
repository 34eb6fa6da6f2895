using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Xunit;

namespace Sandbox.UnitTests.Security;

/// <summary>What becomes of ids and capabilities (capabilities(7)).</summary>
public sealed class CredentialTests
{
    private static readonly CapabilitySet _network = CapabilitySet.Empty.With(Capability.NetRaw);

    private static Credentials Root { get; } = new()
    {
        UserNamespace = UserNamespace.Root, Permitted = CapabilitySet.Full, Effective = CapabilitySet.Full,
    };

    private static Credentials User { get; } = new()
    {
        UserNamespace = UserNamespace.Root,
        UserId = 1000, EffectiveUserId = 1000, SavedUserId = 1000, FileSystemUserId = 1000,
        GroupId = 1000, EffectiveGroupId = 1000, SavedGroupId = 1000, FileSystemGroupId = 1000,
    };

    [Fact]
    public void Root_that_becomes_a_user_loses_its_capabilities_unless_it_keeps_them()
    {
        Credentials plain = Value(CredentialChange.SetUser(Root, 1000));
        Assert.Equal((1000u, 1000u, 1000u), (plain.UserId, plain.SavedUserId, plain.FileSystemUserId));
        Assert.Equal((CapabilitySet.Empty, CapabilitySet.Empty), (plain.Permitted, plain.Effective));

        Credentials keeping = Value(CredentialChange.SetUser(Root with { SecureBits = SecureBits.KeepCaps }, 1000));
        Assert.Equal((CapabilitySet.Full, CapabilitySet.Empty), (keeping.Permitted, keeping.Effective));
    }

    [Fact]
    public void Temporary_drop_of_the_effective_id_can_be_undone()
    {
        Credentials dropped = Value(CredentialChange.SetAllUsers(Root, null, 1000, null));
        Assert.Equal((CapabilitySet.Full, CapabilitySet.Empty), (dropped.Permitted, dropped.Effective));
        Credentials back = Value(CredentialChange.SetAllUsers(dropped, null, 0, null));
        Assert.Equal(CapabilitySet.Full, back.Effective);
    }

    [Fact]
    public void User_may_take_only_its_own_ids()
    {
        Assert.Equal(Errno.EPERM, CredentialChange.SetUser(User, 0).Error);
        Assert.Equal(Errno.EPERM, CredentialChange.SetAllUsers(User, 1000, 1000, 0).Error);
        Assert.Equal(Errno.EPERM, CredentialChange.SetGroup(User, 0).Error);
        Assert.Equal(Errno.Ok, CredentialChange.SetRealEffectiveUser(User, 1000, 1000).Error);
    }

    [Fact]
    public void Set_user_id_root_program_gets_everything_and_is_secure()
    {
        ExecCredentials result = Value(ExecCredentials.Compute(User, new ExecutableFile(0x89ED, 0, 0, null, false)));
        Assert.Equal((1000u, 0u, 0u),
            (result.Credentials.UserId, result.Credentials.EffectiveUserId, result.Credentials.SavedUserId));
        Assert.Equal(CapabilitySet.Full, result.Credentials.Effective);
        Assert.True(result.IsSecure);
    }

    [Fact]
    public void Set_user_id_counts_neither_on_a_nosuid_mount_nor_with_no_new_privileges()
    {
        ExecutableFile file = new(0x89ED, 0, 0, null, false);
        ExecCredentials onMount = Value(ExecCredentials.Compute(User, file with { IsNoSetUserId = true }));
        ExecCredentials bound = Value(ExecCredentials.Compute(User with { NoNewPrivileges = true }, file));
        Assert.Equal((1000u, 1000u), (onMount.Credentials.EffectiveUserId, bound.Credentials.EffectiveUserId));
        Assert.False(onMount.IsSecure || bound.IsSecure);
    }

    [Fact]
    public void File_capabilities_are_given_within_the_bounding_set()
    {
        FileCapabilities capabilities = new(_network, CapabilitySet.Empty, true);
        ExecutableFile file = new(0x81ED, 0, 0, capabilities, false);
        Assert.Equal(_network, Value(ExecCredentials.Compute(User, file)).Credentials.Effective);

        Credentials bounded = User with { Bounding = CapabilitySet.Full.Without(Capability.NetRaw) };
        Assert.Equal(Errno.EPERM, ExecCredentials.Compute(bounded, file).Error);
    }

    [Fact]
    public void Ambient_capabilities_survive_a_plain_exec()
    {
        Credentials ambient = User with { Ambient = _network, Permitted = _network, Inheritable = _network };
        ExecCredentials result = Value(ExecCredentials.Compute(ambient, new ExecutableFile(0x81ED, 0, 0, null, false)));
        Assert.Equal(
            (_network, _network, false), (result.Credentials.Effective, result.Credentials.Ambient, result.IsSecure));
    }

    [Fact]
    public void Capability_attribute_is_read_with_its_revision()
    {
        byte[] attribute = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal(new FileCapabilities(_network, CapabilitySet.Empty, true), FileCapabilities.Parse(
            attribute, UserNamespace.Root));
        Assert.Null(FileCapabilities.Parse(attribute.AsSpan(1), UserNamespace.Root));
    }

    private static T Value<T>(Result<T> result) =>
        result.Failed(out T? value, out Errno error) ? throw new InvalidOperationException(error.ToString()) : value;
}
