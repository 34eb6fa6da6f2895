using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>Which function answers which operation.</summary>
internal static class Dispatch
{
    /// <summary>Errors: EOPNOTSUPP for an operation nobody knows, and whatever the operation says.</summary>
    public static Errno Run(GoferOperation operation, ref Exchange exchange) => operation switch
    {
        GoferOperation.Attach => WalkOperations.Attach(ref exchange),
        GoferOperation.Walk => WalkOperations.Walk(ref exchange),
        GoferOperation.Close => WalkOperations.Close(ref exchange),
        GoferOperation.Open => OpenOperations.Open(ref exchange),
        GoferOperation.OpenMany => OpenOperations.OpenMany(ref exchange),
        GoferOperation.Create => OpenOperations.Create(ref exchange),
        GoferOperation.CreateTemporary => OpenOperations.CreateTemporary(ref exchange),
        GoferOperation.MakeDirectory => MakeOperations.MakeDirectory(ref exchange),
        GoferOperation.MakeNode => MakeOperations.MakeNode(ref exchange),
        GoferOperation.SymbolicLink => MakeOperations.SymbolicLink(ref exchange),
        GoferOperation.Link => NameOperations.Link(ref exchange),
        GoferOperation.Unlink => NameOperations.Unlink(ref exchange),
        GoferOperation.Rename => NameOperations.Rename(ref exchange),
        GoferOperation.SetAttributes => AttributeOperations.Set(ref exchange),
        GoferOperation.GetAttributes => AttributeOperations.Get(ref exchange),
        GoferOperation.ReadLink => ReadOperations.ReadLink(ref exchange),
        GoferOperation.ReadDirectory => ReadOperations.ReadDirectory(ref exchange),
        GoferOperation.ReadTree => TreeOperations.ReadTree(ref exchange),
        GoferOperation.StatFs => ReadOperations.StatFs(ref exchange),
        GoferOperation.Sync => ReadOperations.Sync(ref exchange, wholeFileSystem: false),
        GoferOperation.SyncFileSystem => ReadOperations.Sync(ref exchange, wholeFileSystem: true),
        GoferOperation.GetXattr => XattrOperations.Get(ref exchange),
        GoferOperation.SetXattr => XattrOperations.Set(ref exchange),
        GoferOperation.ListXattr => XattrOperations.List(ref exchange),
        GoferOperation.RemoveXattr => XattrOperations.Remove(ref exchange),
        _ => Errno.EOPNOTSUPP,
    };
}
