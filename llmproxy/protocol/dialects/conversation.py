"""Building the messages of a chat request from another dialect's."""

from typing import Any

Json = dict[str, Any]


def content(parts: str | list[Json]) -> str | list[Json]:
    """Return the parts of a message, as a plain string if that is equivalent."""
    if isinstance(parts, str):
        return parts
    if not parts:
        return ""
    if len(parts) == 1 and set(parts[0]) == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


class Conversation:
    """Chat messages. Tool results follow directly after their calls."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self._by_call: dict[str, Json] = {}

    def say(self, role: str, parts: str | list[Json]) -> None:
        """Add a message of the user or the system."""
        self.messages.append({"role": role, "content": content(parts)})

    def assistant(self, *, anew: bool = False) -> Json:
        """Return the assistant's message that is being written, or a new one."""
        last = self.messages[-1] if self.messages else None
        if anew or last is None or last["role"] != "assistant":
            last = {"role": "assistant", "content": None}
            self.messages.append(last)
        return last

    def call(self, message: Json, call: Json) -> None:
        """Add a tool call to an assistant's message."""
        message.setdefault("tool_calls", []).append(call)
        self._by_call[call["id"]] = message

    def knows(self, call_id: str) -> bool:
        return call_id in self._by_call

    def result(self, call_id: str, parts: list[Json]) -> None:
        """Add a tool's result after its call.

        A tool's message can only contain text. Other content follows in a message of the user.
        """
        texts = [part for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        text = "The result follows in the user's next message."
        told = content(texts) if texts or not others else text
        answer = {"role": "tool", "tool_call_id": call_id, "content": told}
        place = self._place(call_id)
        self.messages.insert(place, answer)
        if others:
            note = {"type": "text", "text": f"The result of the tool call {call_id}:"}
            attachments = {"role": "user", "content": [note, *others]}
            self.messages.insert(self._end_of_results(place), attachments)

    def _place(self, call_id: str) -> int:
        """Return the position of a result: after its call and the earlier results."""
        called = self._by_call.get(call_id)
        if called is None:
            return len(self.messages)
        at = next(place for place, one in enumerate(self.messages) if one is called)
        return self._end_of_results(at + 1)

    def _end_of_results(self, place: int) -> int:
        while place < len(self.messages) and self.messages[place]["role"] == "tool":
            place += 1
        return place
