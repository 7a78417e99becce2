import FlamebackFiles

/// A value in a JSON file that knows its file and place, so that errors can name them.
struct ConfigNode {
  let json: JSON
  let path: String
  let place: String

  init(_ json: JSON, path: String, place: String = "") {
    self.json = json
    self.path = path
    self.place = place
  }

  init(contentsOf path: String) throws(FileError) { self.init(try JSON(contentsOf: path), path: path) }

  func failure(_ message: String) -> FileError { FileError(path: path, place: place, message) }

  private func node(_ json: JSON, _ name: String) -> ConfigNode {
    ConfigNode(json, path: path, place: place.isEmpty ? name : name.hasPrefix("[") ? place + name : "\(place).\(name)")
  }

  /// The member of that name; nil if it is missing or null.
  subscript(name: String) -> ConfigNode? {
    guard let value = json[name], value != .null else { return nil }
    return node(value, name)
  }

  func member(_ name: String) throws(FileError) -> ConfigNode {
    guard let node = self[name] else { throw failure("'\(name)' is missing") }
    return node
  }

  func elements() throws(FileError) -> [ConfigNode] {
    guard let values = json.array else { throw failure("a list should be here") }
    return values.enumerated().map { node($0.element, "[\($0.offset)]") }
  }

  func members() throws(FileError) -> [(key: String, node: ConfigNode)] {
    guard let object = json.object else { throw failure("an object should be here") }
    return object.map { ($0.key, node($0.value, $0.key)) }
  }

  func string() throws(FileError) -> String {
    guard let value = json.string else { throw failure("a text should be here") }
    return value
  }

  func int() throws(FileError) -> Int {
    guard let value = json.int else { throw failure("a whole number should be here") }
    return value
  }

  /// A whole number that is usable as a count or an id.
  func count() throws(FileError) -> Int {
    let value = try int()
    guard (0...Int(Int32.max)).contains(value) else { throw failure("\(value) is out of range") }
    return value
  }

  func double() throws(FileError) -> Double {
    switch json {
    case .int(let value): return Double(value)
    case .double(let value): return value
    default: throw failure("a number should be here")
    }
  }

  func bool() throws(FileError) -> Bool {
    guard case .bool(let value) = json else { throw failure("true or false should be here") }
    return value
  }

  func scalar() throws(FileError) -> Unicode.Scalar {
    let scalars = try string().unicodeScalars
    guard let first = scalars.first, scalars.count == 1 else { throw failure("one character should be here") }
    return first
  }

  // MARK: Members with a default

  func string(_ name: String) throws(FileError) -> String? {
    guard let node = self[name] else { return nil }
    return try node.string()
  }

  func bool(_ name: String, _ standard: Bool) throws(FileError) -> Bool {
    guard let node = self[name] else { return standard }
    return try node.bool()
  }

  func count(_ name: String, _ standard: Int) throws(FileError) -> Int {
    guard let node = self[name] else { return standard }
    return try node.count()
  }
}
