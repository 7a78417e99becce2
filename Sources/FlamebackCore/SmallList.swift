/// A list whose first two elements lie inline: most operations have one or two operands, and an array costs more than
/// many a kernel.
struct SmallList<Element> {
  private var first: Element?
  private var second: Element?
  private var rest: [Element]
  let count: Int

  init() {
    rest = []
    count = 0
  }

  init(_ a: Element) {
    first = a
    rest = []
    count = 1
  }

  init(_ a: Element, _ b: Element) {
    first = a
    second = b
    rest = []
    count = 2
  }

  init(_ elements: some RandomAccessCollection<Element>) { self.init(elements.count, elements) { $0 } }

  /// What `make` gives for each of `source`'s elements.
  init<S>(mapping source: SmallList<S>, _ make: (S) -> Element) {
    count = source.count
    first = source.first.map(make)
    second = source.second.map(make)
    rest = source.rest.isEmpty ? [] : source.rest.map(make)
  }

  private init<C: RandomAccessCollection>(_ count: Int, _ source: C, _ make: (C.Element) -> Element) {
    self.count = count
    var i = source.startIndex
    if count > 0 {
      first = make(source[i])
      source.formIndex(after: &i)
    }
    if count > 1 {
      second = make(source[i])
      source.formIndex(after: &i)
    }
    rest = count > 2 ? source[i...].map(make) : []
  }
}

extension SmallList: Sendable where Element: Sendable {}

extension SmallList: RandomAccessCollection, MutableCollection {
  var startIndex: Int { 0 }
  var endIndex: Int { count }

  subscript(i: Int) -> Element {
    get {
      switch i {
      case 0: first!
      case 1: second!
      default: rest[i - 2]
      }
    }
    set {
      switch i {
      case 0: first = newValue
      case 1: second = newValue
      default: rest[i - 2] = newValue
      }
    }
  }
}
