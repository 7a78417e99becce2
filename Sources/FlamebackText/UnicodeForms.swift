import CText

/// Unicode's four normal forms. SeeAlso: unicodedata.normalize
public enum UnicodeForm: String, Sendable, CaseIterable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  var isCompatible: Bool { self == .nfkc || self == .nfkd }
  var composes: Bool { self == .nfc || self == .nfkc }
}

// Character by character, because a whole string's normal form would lose where each character came from.
extension Unicode.Scalar {
  /// Calls `body` with the characters that this one decomposes into; itself if it does not.
  fileprivate func decompose(compatible: Bool, _ body: (Unicode.Scalar) -> Void) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Int(FB_DECOMPOSITION_SIZE)) { parts in
      let count = Int(fb_decompose(value, compatible ? 1 : 0, parts.baseAddress!))
      if parts[0] == value || !isKnown(inVersion: 9) { return body(self) }
      for part in parts[..<count] { body(Unicode.Scalar(part)!) }
    }
  }

  /// What this character and a following one compose to.
  fileprivate func composed(with next: Unicode.Scalar) -> Unicode.Scalar? {
    if next.value < 0x300 { return nil }  // most texts ask for nothing else
    let composed = fb_compose(value, next.value)
    guard composed != 0, let scalar = Unicode.Scalar(composed), scalar.isKnown(inVersion: 9) else { return nil }
    return scalar
  }
}

extension AlignedText {
  /// Brings the text into a normal form.
  public mutating func normalize(_ form: UnicodeForm) {
    // Below these no character decomposes, composes or moves.
    let limit: UInt32 = form.composes && !form.isCompatible ? 0x300 : form.isCompatible ? 0xA0 : 0xC0
    guard scalars.contains(where: { $0.value >= limit }) else { return }
    decompose(compatible: form.isCompatible)
    if form.composes { compose() }
  }

  private mutating func decompose(compatible: Bool) {
    var text: [Unicode.Scalar] = []
    var origins: [Span] = []
    text.reserveCapacity(count)
    origins.reserveCapacity(count)
    for (scalar, span) in zip(scalars, spans) {
      scalar.decompose(compatible: compatible) {
        text.append($0)
        origins.append(span)
      }
    }
    // Marks behind a starter stand in the order of their classes.
    let classes = text.map { $0.value < 0x300 ? 0 : Int($0.properties.canonicalCombiningClass.rawValue) }
    var order = Array(text.indices)
    var at = 0
    while at < order.count {
      guard classes[at] != 0 else {
        at += 1
        continue
      }
      var end = at
      while end < order.count, classes[end] != 0 { end += 1 }
      order[at..<end].sort { (classes[$0], $0) < (classes[$1], $1) }
      at = end
    }
    replace(order.map { text[$0] }, origins)  // as in the original, places do not change with the characters
  }

  private mutating func compose() {
    var text: [Unicode.Scalar] = []
    var origins: [Span] = []
    text.reserveCapacity(count)
    origins.reserveCapacity(count)
    var starter: Int?
    var lastClass = -1  // of the marks kept since the starter; -1: none
    for (scalar, span) in zip(scalars, spans) {
      let order = scalar.value < 0x300 ? 0 : Int(scalar.properties.canonicalCombiningClass.rawValue)
      if let place = starter, lastClass < order, lastClass == -1 || order != 0,
        let composed = text[place].composed(with: scalar)
      {
        text[place] = composed
        continue
      }
      if order == 0 {
        starter = text.count
        lastClass = -1
      } else {
        lastClass = order
      }
      text.append(scalar)
      origins.append(span)
    }
    replace(text, origins)
  }
}
