"""The query advisor: what plans and recorded queries say of how tables lie and how they are asked, and what would be better."""
