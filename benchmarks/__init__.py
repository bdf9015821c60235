"""Benchmarks. Each one measures this project beside a plain baseline and beside a floor, in the same run.

README.md in this folder says what each benchmark shows and how to run it. Production never imports this
package.
"""
