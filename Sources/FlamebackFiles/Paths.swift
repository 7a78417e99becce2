/// The parts of a path, as NSString divides it. Scalar by scalar: a slash before a combining mark is one all the same.
extension String {
  /// `c.pt` of `/a/b/c.pt`
  package var lastPathComponent: String {
    unicodeScalars.split(separator: "/").last.map(String.init) ?? (isEmpty ? "" : "/")
  }

  /// `/a/b` of `/a/b/c.pt`; empty for a name alone.
  package var deletingLastPathComponent: String {
    func withoutSlashes(_ path: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
      var path = path
      while path.last == "/" { path.removeLast() }
      return path
    }
    var rest = withoutSlashes(unicodeScalars[...])
    while let last = rest.last, last != "/" { rest.removeLast() }
    rest = withoutSlashes(rest)
    return rest.isEmpty && unicodeScalars.first == "/" ? "/" : String(rest)
  }

  /// `pt` of `/a/b/c.pt`; empty for a hidden file's only dot.
  package var pathExtension: String {
    String(lastPathComponent.unicodeScalars.dropFirst(pathStem.unicodeScalars.count).dropFirst())
  }

  /// A path's last component without its extension: `c` of `/a/b/c.pt`.
  package var pathStem: String {
    let name = lastPathComponent
    let scalars = name.unicodeScalars
    guard let dot = scalars.lastIndex(of: "."), dot != scalars.startIndex, name != ".." else { return name }
    return String(scalars[..<dot])
  }
}
