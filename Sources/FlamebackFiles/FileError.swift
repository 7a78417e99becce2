import FoundationEssentials
import Glibc

/// What is wrong with a file: the path, the place inside it, and one sentence.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  public var path: String
  /// A byte, a record or a tensor; empty if it concerns the whole file.
  public var place: String
  public var message: String

  public init(path: String, place: String = "", _ message: String) {
    self.path = path
    self.place = place
    self.message = message
  }

  public var description: String {
    var text = path.isEmpty ? "" : "[\(path)] "
    if !place.isEmpty { text += "\(place): " }
    return text + message
  }

  /// What the system says about the last failed call.
  static func system(_ path: String, _ what: String, code: Int32 = errno) -> FileError {
    let reason =
      switch code {
      case ENOENT: "there is no such file or folder"
      case ENOSPC: "the disk is full"
      case EDQUOT: "the disk quota is used up"
      case EACCES, EPERM: "permission denied"
      case EISDIR: "it is a folder"
      case EROFS: "the disk is read-only"
      default: String(cString: strerror(code)).lowercased()
      }
    return FileError(path: path, "cannot \(what): \(reason)")
  }
}

extension FileError: LocalizedError {
  public var errorDescription: String? { description }
}
