import Foundation
import Synchronization

/// Unicode's four normal forms. SeeAlso: unicodedata.normalize
public enum UnicodeForm: String, Sendable, CaseIterable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  var isCompatible: Bool { self == .nfkc || self == .nfkd }
  var composes: Bool { self == .nfc || self == .nfkc }
}

/// What single characters decompose into and which pairs compose: Foundation's answers, asked once each, because a whole
/// string's normal form would lose where each character came from.
private final class UnicodeTables: Sendable {
  static let shared = UnicodeTables()

  private struct State {
    /// Pages of 256 characters; nil inside a page: it stays as it is.
    var pages: [UInt32: [[Unicode.Scalar]?]] = [:]
    var pairs: [UInt64: Unicode.Scalar?] = [:]
  }
  private let state = Mutex(State())

  func page(_ number: UInt32, compatible: Bool) -> [[Unicode.Scalar]?] {
    let key = number << 1 | (compatible ? 1 : 0)
    return state.withLock { state in
      if let page = state.pages[key] { return page }
      let page = (0..<256).map { low -> [Unicode.Scalar]? in
        guard let scalar = Unicode.Scalar(number << 8 | UInt32(low)), scalar.isKnown(inVersion: 9) else { return nil }
        let text = String(Character(scalar))
        let parts =
          compatible ? text.decomposedStringWithCompatibilityMapping : text.decomposedStringWithCanonicalMapping
        let scalars = Array(parts.unicodeScalars)
        return scalars == [scalar] ? nil : scalars
      }
      state.pages[key] = page
      return page
    }
  }

  /// By the rule of Unicode's section 3.12; Foundation composes old letters too, which have no syllables.
  private func hangul(_ a: UInt32, _ b: UInt32) -> Unicode.Scalar? {
    if (0x1100...0x1112).contains(a), (0x1161...0x1175).contains(b) {
      return Unicode.Scalar(0xAC00 + ((a - 0x1100) * 21 + (b - 0x1161)) * 28)
    }
    if (0xAC00...0xD7A3).contains(a), (a - 0xAC00) % 28 == 0, (0x11A8...0x11C2).contains(b) {
      return Unicode.Scalar(a + b - 0x11A7)
    }
    return nil
  }

  func composition(_ a: Unicode.Scalar, _ b: Unicode.Scalar) -> Unicode.Scalar? {
    // Foundation composes whole strings; two ASCII letters never compose, most texts ask for nothing else.
    if b.value < 0x300 { return nil }
    if (0x1100...0x11FF).contains(b.value) { return hangul(a.value, b.value) }
    let key = UInt64(a.value) << 32 | UInt64(b.value)
    return state.withLock { state in
      if let known = state.pairs[key] { return known }
      // Decomposed first: Foundation on Linux leaves a composed character and a further mark apart.
      var text = String(Character(a)).decomposedStringWithCanonicalMapping
      text.unicodeScalars.append(b)
      let result = Array(text.precomposedStringWithCanonicalMapping.unicodeScalars)
      let composed = result.count == 1 && result[0].isKnown(inVersion: 9) ? result[0] : nil
      if state.pairs.count > 1 << 16 { state.pairs = [:] }
      state.pairs[key] = .some(composed)
      return composed
    }
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
    var pages: [UInt32: [[Unicode.Scalar]?]] = [:]
    var text: [Unicode.Scalar] = []
    var origins: [Span] = []
    text.reserveCapacity(count)
    origins.reserveCapacity(count)
    for (scalar, span) in zip(scalars, spans) {
      // Ideographs are many pages without any decomposition.
      if scalar.value < 0xA0 || (0x4E00...0x9FFF).contains(scalar.value) {
        text.append(scalar)
        origins.append(span)
        continue
      }
      let number = scalar.value >> 8
      let page = pages[number] ?? UnicodeTables.shared.page(number, compatible: compatible)
      pages[number] = page
      for part in page[Int(scalar.value & 255)] ?? [scalar] {
        text.append(part)
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
        let composed = UnicodeTables.shared.composition(text[place], scalar)
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
