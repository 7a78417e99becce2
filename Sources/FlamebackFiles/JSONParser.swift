import Glibc

extension JSON {
  /// How deep arrays and objects may nest; it bounds the parser's stack.
  public static let depthLimit = 256

  /// The value that the text is, no more and no less. Errors name the byte.
  public init(parsing bytes: UnsafeRawBufferPointer, path: String = "") throws(FileError) {
    var parser = JSONParser(bytes: bytes, path: path)
    self = try parser.document()
  }

  /// The value that the text is. SeeAlso: json.loads
  public init(parsing text: String) throws(FileError) {
    var text = text
    let result = text.withUTF8 { utf8 in
      Result { () throws(FileError) in try JSON(parsing: UnsafeRawBufferPointer(utf8)) }
    }
    self = try result.get()
  }

  /// The value in a file. SeeAlso: json.load
  public init(contentsOf path: String) throws(FileError) {
    let file = try FileBytes(mapping: path)
    try self.init(parsing: file.bytes, path: path)
    withExtendedLifetime(file) {}
  }
}

/// A recursive descent over bytes; the depth limit keeps hostile nesting off the stack.
private struct JSONParser {
  let base: UnsafePointer<UInt8>
  let count: Int
  let path: String
  var at = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer, path: String) {
    base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(bitPattern: 1)!
    count = bytes.count
    self.path = path
  }

  func failure(_ message: String, at place: Int? = nil) -> FileError {
    FileError(path: path, place: "byte \(place ?? at)", message)
  }

  mutating func document() throws(FileError) -> JSON {
    let result = try value()
    skipSpace()
    guard at == count else { throw failure("text follows the JSON value") }
    return result
  }

  @inline(__always)
  var current: UInt8? { at < count ? base[at] : nil }

  @inline(__always)
  mutating func skipSpace() {
    while at < count, base[at] == 0x20 || base[at] == 0x0A || base[at] == 0x0D || base[at] == 0x09 { at += 1 }
  }

  mutating func value() throws(FileError) -> JSON {
    skipSpace()
    guard let byte = current else { throw failure("the JSON text ends too early") }
    switch byte {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  mutating func word(_ text: StaticString, _ value: JSON) throws(FileError) -> JSON {
    let length = text.utf8CodeUnitCount
    guard count - at >= length, memcmp(base + at, text.utf8Start, length) == 0 else {
      throw failure("not a JSON value")
    }
    at += length
    return value
  }

  mutating func enter() throws(FileError) {
    at += 1
    depth += 1
    guard depth <= JSON.depthLimit else { throw failure("the JSON text nests deeper than \(JSON.depthLimit) levels") }
  }

  mutating func array() throws(FileError) -> JSON {
    try enter()
    defer { depth -= 1 }
    var values: [JSON] = []
    skipSpace()
    if current == UInt8(ascii: "]") {
      at += 1
      return .array(values)
    }
    while true {
      values.append(try value())
      skipSpace()
      guard let byte = current else { throw failure("the JSON text ends too early") }
      at += 1
      if byte == UInt8(ascii: "]") { return .array(values) }
      guard byte == UInt8(ascii: ",") else { throw failure("expected , or ] in an array", at: at - 1) }
    }
  }

  mutating func object() throws(FileError) -> JSON {
    try enter()
    defer { depth -= 1 }
    var members: [JSONObject.Member] = []
    skipSpace()
    if current == UInt8(ascii: "}") {
      at += 1
      return .object(JSONObject())
    }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("expected a key in an object") }
      let key = try string()
      skipSpace()
      guard current == UInt8(ascii: ":") else { throw failure("expected : after a key") }
      at += 1
      members.append(JSONObject.Member(key: key, value: try value()))
      skipSpace()
      guard let byte = current else { throw failure("the JSON text ends too early") }
      at += 1
      if byte == UInt8(ascii: "}") { return .object(JSONObject(members)) }
      guard byte == UInt8(ascii: ",") else { throw failure("expected , or } in an object", at: at - 1) }
    }
  }

  mutating func string() throws(FileError) -> String {
    at += 1
    let start = at
    while at < count {
      let byte = base[at]
      if byte == UInt8(ascii: "\"") {
        guard let text = text(start, at) else { throw failure("a string is not UTF-8", at: start) }
        at += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(start) }
      if byte < 0x20 { throw failure("a control character in a string") }
      at += 1
    }
    throw failure("a string without an end", at: start)
  }

  func text(_ start: Int, _ end: Int) -> String? {
    String(validating: UnsafeBufferPointer(start: base + start, count: end - start), as: UTF8.self)
  }

  /// The rest of a string that has backslashes.
  mutating func escapedString(_ start: Int) throws(FileError) -> String {
    var bytes = Array(UnsafeBufferPointer(start: base + start, count: at - start))
    while at < count {
      let byte = base[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw failure("a string is not UTF-8", at: start)
        }
        return text
      case UInt8(ascii: "\\"):
        guard let escape = current else { throw failure("a string without an end", at: start) }
        at += 1
        switch escape {
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(escape)
        case UInt8(ascii: "u"):
          var code = try hex4()
          if code & 0xFC00 == 0xD800, at + 1 < count, base[at] == UInt8(ascii: "\\"), base[at + 1] == UInt8(ascii: "u")
          {
            at += 2
            let low = try hex4()
            guard low & 0xFC00 == 0xDC00 else { throw failure("half a surrogate pair") }
            code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
          }
          guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
          bytes.append(contentsOf: UTF8.encode(scalar)!)
        default: throw failure("an unknown escape in a string", at: at - 1)
        }
      case 0..<0x20: throw failure("a control character in a string", at: at - 1)
      default: bytes.append(byte)
      }
    }
    throw failure("a string without an end", at: start)
  }

  mutating func hex4() throws(FileError) -> UInt32 {
    guard count - at >= 4 else { throw failure("the JSON text ends too early") }
    var code: UInt32 = 0
    for _ in 0..<4 {
      let byte = base[at]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw failure("not a hexadecimal digit")
      }
      code = code << 4 | UInt32(digit)
      at += 1
    }
    return code
  }

  mutating func number() throws(FileError) -> JSON {
    let start = at
    let negative = current == UInt8(ascii: "-")
    if negative { at += 1 }
    var mantissa: UInt64 = 0
    var fits = true  // while the digits fit 64 bits
    var exponent = 0
    let integerStart = at
    @inline(__always) func isDigit(_ byte: UInt8?) -> Bool {
      guard let byte else { return false }
      return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
    @inline(__always) func take(_ byte: UInt8) {
      let (product, over) = mantissa.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      if over || carry { fits = false }
      mantissa = sum
    }
    while isDigit(current) {
      take(base[at])
      at += 1
    }
    guard at > integerStart else { throw failure("not a JSON value", at: start) }
    guard base[integerStart] != UInt8(ascii: "0") || at == integerStart + 1 else {
      throw failure("a number with a leading zero", at: start)
    }
    var isInteger = true
    if current == UInt8(ascii: ".") {
      isInteger = false
      at += 1
      let fraction = at
      while isDigit(current) {
        take(base[at])
        at += 1
      }
      guard at > fraction else { throw failure("a number without digits after the point") }
      exponent = fraction - at
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      at += 1
      let down = current == UInt8(ascii: "-")
      if down || current == UInt8(ascii: "+") { at += 1 }
      guard isDigit(current) else { throw failure("a number without an exponent") }
      var written = 0
      while isDigit(current) {
        written = min(written * 10 + Int(base[at] - UInt8(ascii: "0")), 100_000)
        at += 1
      }
      exponent += down ? -written : written
    }
    if isInteger && fits {
      if negative {
        if mantissa <= UInt64(Int.max) + 1 { return .int(Int(truncatingIfNeeded: 0 &- mantissa)) }
      } else {
        return mantissa <= UInt64(Int.max) ? .int(Int(mantissa)) : .unsigned(mantissa)
      }
    }
    // Clinger's fast path: both factors are exact doubles, so one rounding is the right one.
    if fits && mantissa <= 1 << 53 && abs(exponent) <= 22 {
      let power = JSONParser.powers[abs(exponent)]
      let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
      return .double(negative ? -value : value)
    }
    let text = String(decoding: UnsafeBufferPointer(start: base + start, count: at - start), as: UTF8.self)
    guard let value = Double(text), value.isFinite else { throw failure("a number beyond double precision", at: start) }
    return .double(value)
  }

  static let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]
}
