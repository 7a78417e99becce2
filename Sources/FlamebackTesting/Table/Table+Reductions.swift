import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let reductions: [String: Entry] = [:]
}
