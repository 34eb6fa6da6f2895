namespace Sandbox.Gofer.Protocol;

/// <summary>The sizes both sides agree on; the server enforces every one of them.</summary>
public static class GoferLimits
{
    /// <summary>
    /// Longest message, either way: an xattr value of 64 KiB (XATTR_SIZE_MAX) and its request around it.
    /// </summary>
    public const int MessageBytesMax = 72 * 1024;

    /// <summary>Longest name of one component, without NUL (NAME_MAX).</summary>
    public const int NameBytesMax = 255;

    /// <summary>Longest symbolic link target, without NUL (PATH_MAX - 1).</summary>
    public const int LinkTargetBytesMax = 4095;

    /// <summary>
    /// Longest symbolic link target that comes with a listing, without NUL: longer ones are asked for.
    /// </summary>
    public const int ListedTargetBytesMax = 255;

    /// <summary>Longest extended attribute name, without NUL (XATTR_NAME_MAX).</summary>
    public const int XattrNameBytesMax = 255;

    /// <summary>Longest extended attribute value (XATTR_SIZE_MAX).</summary>
    public const int XattrValueBytesMax = 65536;

    /// <summary>Most components in one walk.</summary>
    public const int WalkComponentsMax = 64;

    /// <summary>Most handles in one close.</summary>
    public const int CloseHandlesMax = 1024;

    /// <summary>Most files opened by one message.</summary>
    public const int OpenManyMax = 32;

    /// <summary>Most directories one message names to be listed with what is below them.</summary>
    public const int ReadTreePathsMax = 64;

    /// <summary>How far below those it goes.</summary>
    public const int ReadTreeDepthMax = 16;

    /// <summary>Longest path of several components, without NUL (PATH_MAX - 1).</summary>
    public const int PathBytesMax = 4095;

    /// <summary>Most roots one server serves.</summary>
    public const int RootsMax = 4096;
}
