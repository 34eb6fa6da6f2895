namespace Sandbox.Linux;

/// <summary>File permissions by the octal number that everybody knows them by (C# has no octal literals).</summary>
public static class Modes
{
    /// <summary>r--------.</summary>
    public const int O400 = 0x100;

    /// <summary>r--r--r--.</summary>
    public const int O444 = 0x124;

    /// <summary>r-xr-xr-x.</summary>
    public const int O555 = 0x16D;

    /// <summary>rw-------.</summary>
    public const int O600 = 0x180;

    /// <summary>rw--w----.</summary>
    public const int O620 = 0x190;

    /// <summary>rw-r--r--.</summary>
    public const int O644 = 0x1A4;

    /// <summary>rw-rw-rw-.</summary>
    public const int O666 = 0x1B6;

    /// <summary>rwx------.</summary>
    public const int O700 = 0x1C0;

    /// <summary>rwxr-xr-x.</summary>
    public const int O755 = 0x1ED;

    /// <summary>rwxrwxrwx.</summary>
    public const int O777 = 0x1FF;
}
