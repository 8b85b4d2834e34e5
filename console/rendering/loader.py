"""Reads templates as Django does, and has what they ask for worked out once, not each time it is shown."""

from typing import Any

from django.template import Origin, Template, TemplateDoesNotExist
from django.template.base import Lexer, Node, NodeList, Parser, Token
from django.template.loaders import base, cached

from console.rendering.expressions import Expression
from console.rendering.nodes import quick


class QuickParser(Parser):
    def compile_filter(self, token: str) -> Expression:
        return Expression(token, self)

    def extend_nodelist(self, nodelist: NodeList, node: Node, token: Token) -> None:
        super().extend_nodelist(nodelist, quick(node), token)


class QuickTemplate(Template):
    """Shows what Django's own shows, in less time; of a fault it does not tell in which line it is."""

    def compile_nodelist(self) -> NodeList:
        engine = self.engine
        tokens = Lexer(self.source).tokenize()
        parser = QuickParser(tokens, engine.template_libraries, engine.template_builtins, self.origin)
        found = parser.parse()
        self.extra_data = parser.extra_data
        return found


class _Reader(base.Loader):
    get_contents: Any  # of whom it is mixed into

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        """While templates are debugged, and where a name that is unknown is to be told, as Django has it."""
        if self.engine.debug or self.engine.string_if_invalid:
            return super().get_template(template_name, skip)
        tried: list[tuple[Origin, str]] = []
        for origin in self.get_template_sources(template_name):
            if skip is not None and origin in skip:
                tried.append((origin, "Skipped to avoid recursion"))
                continue
            try:
                contents = self.get_contents(origin)
            except TemplateDoesNotExist:
                tried.append((origin, "Source does not exist"))
            else:
                return QuickTemplate(contents, origin, template_name, self.engine)
        raise TemplateDoesNotExist(template_name, tried=tried)


class Loader(cached.Loader, _Reader):
    """Each template is read once in a process."""
