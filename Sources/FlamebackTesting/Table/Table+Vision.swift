import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let vision: [String: Entry] = [:]
}
